"""The doors of Python programs: train and Sweep, and estimators of scikit-learn's kind."""

"""The engines: what array operations are computed by. The steps of trainings are written once, against `Engine`."""

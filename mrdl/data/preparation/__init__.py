"""From the columns of a table to the inputs of a network: scaling, classes, and whether the data is fit."""

"""Labels: what is the same class, however a file writes it, and what predictions are."""

import numpy as np
import pytest

from mrdl.data.labels import class_numbers, class_values

SAME = [
    (("0", "1"), ["0.0", "1.0", "00", "1e0", "+1", "-0", "1.50"], [0, 1, 0, 1, 1, 0, -1]),
    (("0.0", "1.0"), ["0", "1", "1.0"], [0, 1, 1]),
    (("-1", "0.5"), ["-1.0", ".5", "5e-1"], [0, 1, 1]),
    (("False", "True"), ["TRUE", "false", "True", "1"], [1, 0, 1, -1]),
    (("no", "yes"), ["no", "Yes", "0"], [0, -1, -1]),  # text is what it is
    (("1", "a"), ["1", "1.0", "a"], [0, -1, 1]),
    (("01", "1"), ["1", "01", "1.0"], [1, 0, -1]),  # two classes of one value: nothing is guessed
    (("9007199254740993", "9007199254740992"), ["9007199254740993.0", "9007199254740992"], [-1, 1]),
    (("0", "1"), ["", "nan", "inf", "1_0", "x"], [-1] * 5),
    ((), ["0", ""], [-1, -1]),
]


@pytest.mark.parametrize(("classes", "labels", "numbers"), SAME, ids=[",".join(each[0]) for each in SAME])
def test_a_label_is_the_class_that_means_the_same(classes, labels, numbers):
    found = class_numbers(labels, classes)
    assert (found.tolist(), found.dtype) == (numbers, np.int64)


VALUES = [
    (("-1", "0", "12"), [-1, 0, 12], np.int64),
    (("007", "010"), [7, 10], np.int64),
    (("0.0", "1.0"), [0.0, 1.0], np.float64),
    (("1", "2.5"), [1.0, 2.5], np.float64),
    (("False", "TRUE"), [False, True], np.bool_),
    (("no", "yes"), ["no", "yes"], object),
    (("1", "a"), ["1", "a"], object),
    (("01", "1"), ["01", "1"], object),
    (("1", "nan"), ["1", "nan"], object),
    (("1", str(2**53)), ["1", str(2**53)], object),
    ((), [], object),
]


@pytest.mark.parametrize(("classes", "values", "kind"), VALUES, ids=[",".join(each[0]) for each in VALUES])
def test_a_prediction_is_a_number_where_all_classes_are(classes, values, kind):
    found = class_values(classes)
    assert (found.tolist(), found.dtype) == (values, kind)

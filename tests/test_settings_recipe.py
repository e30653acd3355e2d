@pytest.mark.parametrize(("columns", "high", "contents"), [(64, 16, PIXELS), (784, 255, PIXELS), (16, 15, TABLE)])
def test_few_columns_of_whole_numbers_are_no_picture(columns, high, contents, tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(200) % 2, rng.integers(0, high + 1, (200, columns))])
    names = ",".join(["label", *(f"c{i}" for i in range(columns))])
    np.savetxt(tmp_path / "data.csv", rows, "%d", ",", header=names, comments="")
    assert contents_of(Source.look_at(str(tmp_path / "data.csv"), TrainConfig()).head) == contents

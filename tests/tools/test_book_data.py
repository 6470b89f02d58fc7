"""An edition whose photos cannot be had is refused at once, not by each notebook."""

import pytest

from tlbook import datasets
from tools.book import build


@pytest.mark.parametrize("error", [datasets.DataUnavailable("no network"), datasets.BadArchive("torn")])
def test_the_book_on_photos_that_cannot_be_had(monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load", fails)
    monkeypatch.setattr("sys.argv", ["build.py", "--dataset", "photos"])
    monkeypatch.setattr(build, "run_all", lambda *_: pytest.fail("a notebook was run"))
    with pytest.raises(SystemExit, match=f"No notebook was run, since the data set 'photos' cannot be had. {error}"):
        build.main()

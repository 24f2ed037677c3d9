"""The numbers of the first page are those of the last measurement."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "benchmarks"))


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_claims_are_those_of_the_files(benchmarks, page):
    import default_size
    import landing

    files = (landing.RESULTS, landing.COVERAGE, default_size.RESULTS)
    claims = landing.claims(*map(pd.read_csv, files))
    assert (
        f"<!-- claims -->\n\n{claims}\n\n<!-- claims -->" in (ROOT / page).read_text()
    )


def test_table_of_sizes_is_that_of_the_file(benchmarks):
    import default_size

    table = default_size.as_table(pd.read_csv(default_size.RESULTS))
    assert table in (ROOT / "docs" / "large.md").read_text()

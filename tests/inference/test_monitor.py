import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor


def fit(**kwargs):
    X, y = make_friedman1(80, random_state=0)
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-3, n_init=1, random_state=0, **kwargs)
    return model.fit(X, y)


def test_verbose_prints_one_aligned_line_per_iteration(capsys):
    fitted = fit(verbose=2)
    title, header, *lines = capsys.readouterr().out.splitlines()
    *lines, names, candidate, chosen = lines
    assert names.split()[0] == "scale" and candidate.split()[-1] == "yes"
    assert chosen.startswith("chosen: ")
    assert title == "8 units, alpha 1.00e-03"
    assert header.split()[:3] == ["iteration", "loss", "gradient_norm"]
    assert len(lines) == fitted.n_iter_
    assert {len(line) for line in lines} == {len(header)}
    assert float(lines[-1].split()[1]) == pytest.approx(fitted.loss_)


@pytest.mark.parametrize("verbose", [True, 1])
def test_verbose_prints_a_line_for_each_candidate_and_the_choice(capsys, verbose):
    X, y = make_friedman1(200, noise=1, random_state=0)
    model = TwoLayerSoftmaxRegressor(random_state=0, verbose=verbose).fit(X, y)
    header, *lines, chosen = capsys.readouterr().out.splitlines()
    assert {len(line) for line in lines} == {len(header)}
    path = model.width_path_
    assert len(lines) == len(path["kept"])
    printed = sorted(
        (scale, int(features), int(columns), int(units), " ".join(start), rows, kept)
        for scale, features, columns, units, *start, rows, _, kept in map(
            str.split, lines
        )
    )
    names = ("target_transform", "n_features", "n_columns", "n_hidden", "start")
    recorded = zip(*(path[name] for name in (*names, "n_rows", "kept")), strict=True)
    assert printed == sorted(
        (*row, str(n_rows), "yes" if kept else "no") for *row, n_rows, kept in recorded
    )
    # What was trained further has its last evidence.
    evidence = sorted(float(line.split()[-2]) for line in lines)
    assert evidence == pytest.approx(sorted(path["log_evidence"]), abs=0.051)
    assert chosen == (
        f"chosen: {model.target_transform_} scale, features {model.support_.sum()}, "
        f"columns {model.support_[model.basis_.feature_of].sum()}, "
        f"units {model.n_hidden_}, rows 200, log evidence {model.log_evidence_:.1f}"
    )


def test_silent_by_default(capsys):
    fit()
    assert capsys.readouterr() == ("", "")

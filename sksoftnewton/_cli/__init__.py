"""The command line, ``python -m sksoftnewton``.

This wing knows the estimator (`sksoftnewton._estimator`) and whatever else of the
package is public, but not its plotting, and the models of scikit-learn that the
estimator is compared with. `main` in `sksoftnewton._cli.main` is all that it hands
out, and ``__main__`` alone asks for it: no import of the package loads this wing.
Saved pipelines begin with `typed` of `sksoftnewton._cli.columns`.

A file goes from `reading` (a frame) through `kinds` (what each column is) and `table`
(what is said about them) to `comparison` (folds and scores) of `models`; `saving`,
`prediction` and `terminal` are what their names say.
"""

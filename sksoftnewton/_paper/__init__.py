"""The paper's own problem: one softmax over all rows (arXiv 2311.15390).

`two_layer_softmax_regression` minimises L (`Attention`) with Hessians whose diagonal
part is sparsified (`HessianSketch`, `spectral_sparsifier`), or in the metric of a rough
sketch (`AutoSystems`, `MetricSketch`), and `certify` says what is proven about a point.
It shares the solver with the estimator's column, and knows nothing else of it.
"""

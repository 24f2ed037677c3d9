"""What scikit-learn sees: parameters, validation, fitted attributes; no mathematics.

`TwoLayerSoftmaxRegressor` checks what it is given, makes a problem of it, lets
`Search` find the network and stores the results. Only this wing subclasses
scikit-learn, speaks to its callbacks and knows arrays of other libraries (`array_api`)
and collections of Dask (`collections`, `predictions`, behind `lazy`). It may use
every wing below it, and not the paper's own problem.
"""

"""The estimator's objective: one softmax per sample, two layers, a ridge on each.

`Problem` puts the user's data in the coordinates in which it is solved and makes
`Network`s on them: F with its gradient, as sums over blocks of rows. `Curvature` and
`DualGaussNewton` are its second derivatives, and `NewtonSystems` decides, in the one
place that does, which system an iteration solves. It knows the rows and the solver,
but neither what is chosen by the evidence nor scikit-learn.
"""

import os

# scikit-learn skips its array-API check without this; SciPy reads it on import.
os.environ["SCIPY_ARRAY_API"] = "1"

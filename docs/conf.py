"""Sphinx configuration.

python -m sphinx -W --keep-going -b html docs docs/_build/html
"""

import re

from sksoftnewton import __version__

project = "sksoftnewton"
author = "The sksoftnewton developers"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "benchmarks", "examples"]
templates_path = ["_templates"]
default_role = "py:obj"  # `fit` in a docstring is a link where it can be one

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

EXAMPLES = (
    "plot_first_steps.py plot_hidden_units.py plot_evidence.py plot_features.py "
    "plot_intervals.py plot_counts.py plot_drop_in.py plot_convergence.py "
    "plot_outputs.py plot_paper.py"
)
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": EXAMPLES.find,
    "abort_on_example_error": True,
    "doc_module": ("sksoftnewton",),
    "backreferences_dir": "auto_examples/backreferences",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "show_signature": False,
}

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

smartquotes = False  # "auto" in a docstring is code

html_theme = "pydata_sphinx_theme"
html_title = "sksoftnewton"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"**": ["site-nav.html"]}
html_theme_options = {
    "logo": {"text": "sksoftnewton"},
    "navbar_center": [],
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}


# Docstrings are written for help(): bars are norms and names may end in "_", where
# reStructuredText would see substitutions and links.
MARKUP = re.compile(r"(``.*?``)|(?<!\\)(?=\||(?<=\w)_(?!\w))")


def escape_markup(app, what, name, obj, options, lines):
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = MARKUP.sub(lambda found: found[1] or "\\", line)


def trim_examples(app, docname, source):
    """Without the empty line that ends a doctest in front of a fence."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def setup(app):
    app.connect("autodoc-process-docstring", escape_markup, priority=900)
    app.connect("source-read", trim_examples)

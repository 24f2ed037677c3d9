"""Sphinx configuration.

python -m sphinx -W --keep-going -b html docs docs/_build/html
"""

import inspect
import re
from html import escape

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer

import sksoftnewton
from sksoftnewton import __version__, plotting

project = "sksoftnewton"
author = "The sksoftnewton developers"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "_static", "benchmarks", "checks", "examples"]
templates_path = ["_templates"]
default_role = "py:obj"  # `fit` in a docstring is a link where it can be one

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

# One file with its fonts: nothing is loaded from elsewhere.
mathjax_path = "mathjax/tex-svg.js"

bibtex_bibfiles = ["bibliography.bib"]
bibtex_reference_style = "author_year"


def elsewhere(address, inventory):
    """Where another project is documented; the local inventory serves offline."""
    return address, (None, f"inventories/{inventory}.txt")


intersphinx_mapping = {
    "matplotlib": elsewhere("https://matplotlib.org/stable/", "matplotlib"),
    "numpy": elsewhere("https://numpy.org/doc/stable/", "numpy"),
    "pandas": elsewhere("https://pandas.pydata.org/docs/", "pandas"),
    "scipy": elsewhere("https://docs.scipy.org/doc/scipy/", "scipy"),
    "sklearn": elsewhere("https://scikit-learn.org/stable/", "sklearn"),
}
intersphinx_timeout = 5

# The examples in their order, with what their thumbnails show.
EXAMPLES = {
    "plot_first_steps": "R² of five models in each fold of a cross-validation",
    "plot_tutorial": "prices of diamonds against their predictions, with intervals",
    "plot_tables": "effects of 300 streets, as they were found, against the true ones",
    "plot_hidden_units": "the flow of the Nile falls from one level to another",
    "plot_evidence": "R² in training and held out against the width, the chosen marked",
    "plot_features": "table of how often each of 15 features is kept",
    "plot_intervals": "share of observations within the bands, against their level",
    "plot_counts": "visits to a doctor against chronic diseases, with three curves",
    "plot_outputs": "penguins of three species on a partition of the feature space",
    "plot_convergence": "objective against passes for sketched and exact steps",
    "plot_paper": "contraction of each iteration, below its guarantee",
}
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": " ".join(f"{name}.py" for name in EXAMPLES).find,
    "abort_on_example_error": True,
    "doc_module": ("sksoftnewton",),
    "backreferences_dir": "auto_examples/backreferences",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": float("inf"),
    "write_computation_times": False,
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
# Inherited docstrings refer to pages of scikit-learn's user guide.
REFERENCE = re.compile(r":ref:`(?:([^`<]+?) <)?[^`]+`")


def escape_markup(app, what, name, obj, options, lines):
    for i, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        lines[i] = MARKUP.sub(
            lambda found: found[1] or "\\",
            REFERENCE.sub(lambda found: found[1] or "scikit-learn's examples", line),
        )


def place_inherited(app):
    """Methods of a base class of ours have a place among those of its subclasses.

    Sphinx looks for their order and source in the module of the subclass only, and
    lists them by name among those of scikit-learn.
    """
    for cls in filter(inspect.isclass, public_objects()):
        order = analyzed(cls).tagorder
        for base in cls.__mro__[1:]:
            if not base.__module__.startswith("sksoftnewton."):
                continue
            source = analyzed(base)
            for name in sorted(source.tagorder, key=source.tagorder.get):
                owner, _, method = name.partition(".")
                if owner == base.__name__ and method:
                    alias = f"{cls.__name__}.{method}"
                    order.setdefault(alias, len(order))
                    if name in source.tags:
                        source.tags.setdefault(alias, source.tags[name])


def public_objects():
    for module in (sksoftnewton, plotting):
        yield from (getattr(module, name) for name in module.__all__)


def analyzed(cls):
    analyzer = ModuleAnalyzer.for_module(cls.__module__)
    analyzer.analyze()
    return analyzer


def trim_examples(app, docname, source):
    """Without the empty line that ends a doctest in front of a fence."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def describe_thumbnails(app, doctree):
    for image in doctree.findall(nodes.image):
        found = re.search(r"thumb/sphx_glr_(\w+)_thumb", image["uri"])
        if found:
            image["alt"] = escape(EXAMPLES[found[1]])


# Where a long name may be broken: after dots and underscores, and between its words.
NAME = re.compile(
    r"(?<=<span class=\"pre\">)[^<]{22,}|(?<=<h1>)[^<]+"
    r"|(?<=<th class=\"head\"><p>)\w{12,}"
)
LINK = re.compile(r"(?<=>)[\w.]{12,}(?=(?:\(\))?</(?:a|span)>)")  # in a sidebar
JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[._=])(?=\w)")
# Where a number is not broken: before its unit, and within its exponent. Code stays.
CODE = re.compile(r"(<(pre|code|script)\b.*?</\2>|<[^>]+>)", re.DOTALL)
UNIT = re.compile(r"(?<=\d) (?=(?:%|s|ms|MB|GB|°C)(?!\w))")
EXPONENT = re.compile(r"\d[\d.]*e-\d+")
# Pictures scroll on a phone, and are links, so that one can also open them.
PICTURE = re.compile(r"(<p>|<figure[^>]*>\s*)(<img [^>]*src=\"([^\"]+)\"[^>]*>)")
# A corner of a table that is empty is no header, and what stands in a list is an item.
CORNER = re.compile(r"<th(?: class=\"head\")?>(?:<p></p>)?</th>")


def keep_numbers_whole(body):
    pieces = CODE.split(body)
    for i in range(0, len(pieces), 3):  # between code and tags
        pieces[i] = UNIT.sub("\N{NO-BREAK SPACE}", pieces[i])
        pieces[i] = EXPONENT.sub(r'<span class="whole">\g<0></span>', pieces[i])
    return "".join(piece for i, piece in enumerate(pieces) if i % 3 != 2)


def breakable(navigation):
    """The theme's function that writes links of a sidebar, with places for breaks."""

    def written(*args, **kwargs):
        html = navigation(*args, **kwargs)
        if not LINK.search(str(html)):
            return html
        return LINK.sub(lambda found: JOINT.sub("<wbr>", found[0]), str(html))

    return written


def finish_page(app, pagename, templatename, context, doctree):
    for name in ("generate_toctree_html", "generate_toc_html"):
        context[name] = breakable(context[name])
    if "body" in context:
        body = NAME.sub(lambda found: JOINT.sub("<wbr>", found[0]), context["body"])
        body = PICTURE.sub(r'\1<a class="picture" href="\3">\2</a>', body)
        body = keep_numbers_whole(CORNER.sub("<td></td>", body))
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    app.connect("builder-inited", place_inherited)
    app.connect("autodoc-process-docstring", escape_markup, priority=900)
    app.connect("source-read", trim_examples)
    app.connect("doctree-read", describe_thumbnails)
    app.connect("html-page-context", finish_page, priority=900)  # after the theme

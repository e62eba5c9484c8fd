"""Sphinx configuration."""

from importlib.metadata import version as _version

project = "snn2ode"
author = "the snn2ode developers"
release = _version("snn2ode")
extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]  # fmt: skip
suppress_warnings = ["ref.python"]  # attributes of two results may have the same name
myst_enable_extensions = ["dollarmath", "amsmath"]
html_theme = "furo"
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_use_ivar = True
napoleon_use_rtype = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/[A-Z]\w*_\d{4}\w*\.py",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "abort_on_example_error": True,
}

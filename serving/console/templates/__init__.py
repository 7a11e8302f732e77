"""The console's pages, as Jinja2 templates."""

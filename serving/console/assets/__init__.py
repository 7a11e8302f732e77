"""What the console's pages load: its style, its script, and htmx (0BSD, unchanged; see htmx-LICENSE.txt)."""

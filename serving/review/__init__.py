"""Review: from a folder of titles to a release, through the hands of people.

TITLES, CLUSTERS, DATA -> draft (drafts.py) -> decisions (decisions.py) -> release (serving/publish.py)
"""

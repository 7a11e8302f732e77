"""A release as the files that ad platforms read.

offers.py           each ad with its titles, and why a title may not go out
responsive.py       what responsive search ads share: headlines, pins, descriptions
google_ads.py       CSV for Google Ads Editor          microsoft_ads.py   bulk CSV for Microsoft Advertising
merchant_center.py  supplemental feed for Merchant Center
meta.py             asset feeds for Meta                ocean_engine.py    title materials for Ocean Engine
command.py          the command
"""

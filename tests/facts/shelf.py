"""Ads of the fact tests' own: a tent and a lamp, with every kind of fact and condition."""

from __future__ import annotations

from creator.core.records import Ad, AdId

TENT = Ad(
    AdId("tent"),
    "Arven Ridge 2 Dome Tent, 2.4 kg",
    "The Arven Ridge 2 is a dome tent for two people with a waterproof rating of 3,000 mm. It weighs 2.4 kg and "
    "pitches in six "
    "minutes. The poles are aluminium. It comes without a groundsheet, which is sold separately, and is not "
    "suitable for snow. "
    "The flysheet is free from PFAS. New members save 15% on their first order with code CAMP15 until 31 May. "
    "Sewn in Portugal.",
    (
        "3,000 mm waterproof rating",
        "Pitches in six minutes",
        "15% off a new member's first order with code CAMP15 until 31 May",
    ),
    {"brand": "Arven", "weight": "2.4 kg", "price": "$180", "colours": "moss, sand"},
    "outdoor gear",
)
LAMP = Ad(
    AdId("lamp"),
    "灯光 Tolm Reading Lamp, 40 cm",
    "Tolm 阅读灯 is a reading lamp of oak, 40 cm tall, with three brightness levels. 电池续航 20 小时. "
    "净重 800 克. Dimmable. "
    "The battery lasts up to 20 hours. Delivery is free on orders over €50.",
    ("Three brightness levels", "Up to 20 hours of battery"),
    {"brand": "Tolm", "price": "€45", "material": "oak"},
    "home",
)

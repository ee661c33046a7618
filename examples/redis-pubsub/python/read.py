"""Reads the log of the durable event orders.shipped, from its first entry on, for ever."""

import json
import os

import redis

# region read
r = redis.Redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost:6379'), decode_responses=True)
log = 'belfry:{belfry:orders.shipped}:log'
last = '0-0'  # how far you have read: keep it where it survives, nobody else does

while True:
    for _, entries in r.xread({log: last}, count=100, block=1000):
        for last, fields in entries:
            if 'g' in fields:
                continue  # a dead letter that was replayed, for the group of that name alone
            event = json.loads(fields['e'])
            print(event['id'], event['data'])
# endregion

"""Appends the durable event orders.shipped: python3 append.py <path of append.lua> <order> <customer>"""

import json
import os
import sys

import redis

path_of_append_lua, order, customer = sys.argv[1:]
r = redis.Redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost:6379'), decode_responses=True)

# region append
append = r.register_script(open(path_of_append_lua).read())
event = {'specversion': '1.0', 'id': f'shipped-{order}', 'source': '/python', 'type': 'orders.shipped',
         'partitionkey': customer, 'data': {'orderId': order, 'customerId': customer}}
listeners, entries, groups, count = append(
    keys=['belfry:{belfry:orders.shipped}:log'],
    args=['', 0, 0, 3_600_000, '', f'={customer}', f"={event['id']}", '', json.dumps(event)])
# endregion
print(json.dumps([listeners, entries, groups]))

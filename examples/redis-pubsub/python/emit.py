"""Emits the event orders.placed: python3 emit.py <path of publish.lua> <order> <customer>"""

import json
import os
import random
import sys
import uuid
import zlib

import redis

path_of_publish_lua, order, customer = sys.argv[1:]
r = redis.Redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost:6379'), decode_responses=True)

# region emit
publish = r.register_script(open(path_of_publish_lua).read())
event = {'specversion': '1.0', 'id': str(uuid.uuid4()), 'source': '/python', 'type': 'orders.placed',
         'partitionkey': customer, 'data': {'orderId': order, 'customerId': customer}}
receipt = publish(keys=['belfry:{belfry:orders.placed}:members'],
                  args=['belfry:orders.placed', '1', random.getrandbits(31),
                        zlib.crc32(customer.encode()), json.dumps(event)])
# endregion
print(json.dumps(receipt))

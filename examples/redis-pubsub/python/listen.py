"""Prints what is said on the channel "mychannel", and every event orders.placed."""

import json
import os

import redis

# region listen
r = redis.Redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost:6379'), decode_responses=True)
pubsub = r.pubsub()
pubsub.subscribe('mychannel', 'belfry:orders.placed')

for message in pubsub.listen():
    if message['type'] != 'message':
        print('listening to', message['channel'])
    elif message['channel'] == 'mychannel':
        print('mychannel:', message['data'])
    else:
        event = json.loads(message['data'])
        print(event['type'], event['data'])
# endregion

"""Says hello on the channel "mychannel"."""

import os

import redis

# region publish
r = redis.Redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost:6379'))
r.publish('mychannel', 'Hello, world!')
# endregion

#!/bin/sh
# Says hello on the channel "mychannel". Prints how many heard it.
# region publish
redis-cli PUBLISH mychannel 'Hello, world!'
# endregion

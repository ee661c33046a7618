#!/bin/sh
# Prints what is said on the channel "mychannel", and every event orders.placed.
# region listen
redis-cli SUBSCRIBE mychannel belfry:orders.placed
# endregion

#!/bin/sh
# Emits one event orders.placed: sh emit.sh <path of publish.lua>
path_of_publish_lua=$1
# region emit
redis-cli --eval "$path_of_publish_lua" 'belfry:{belfry:orders.placed}:members' , \
  belfry:orders.placed 1 "$(date +%s)" '' \
  '{"specversion":"1.0","id":"shell-1","source":"/shell","type":"orders.placed","data":{"orderId":"o-1","customerId":"carol"}}'
# endregion

// One Redis for all test files: test/redis.ts
export { redisForTests as setup } from '@belfry/testing';

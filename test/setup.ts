// One Redis for every test that does not need a server of its own.
export { redisForTests as setup } from '@belfry/testing';

import { redisTransport } from 'belfry';

export function onACluster(nodes: string[], natMap: Record<string, string>, password: string) {
  // #region cluster
  const transport = redisTransport({
    cluster: {
      nodes, // ['10.0.0.1:6379', '10.0.0.2:6379']: some of them, the others are found by these
      natMap, // { '172.20.0.3:6379': '127.0.0.1:7003' }: only where nodes are reached elsewhere than they tell one another
    },
    redis: { username: 'app', password }, // and `tls`: of all nodes
    patience: '30s', // longer than a failover takes
  });
  // #endregion
  return transport;
}

import { Container, type ServiceIdentifier } from 'inversify';

/**
 * Finds out whether a container can make something, without making it: inversify plans the whole tree of dependencies before it calls
 * the first constructor, and the first that it calls here stops it.
 */
export function resolutionPlanner(container: Container): (token: ServiceIdentifier) => void {
  const probes = new Container({ parent: container });
  const stop = new Error('planned');
  const stopper = Symbol('stopper');
  probes.bind(stopper).toDynamicValue(() => {
    throw stop;
  });
  return (token) => {
    const probe = Symbol('handler');
    probes.bind(probe).toResolvedValue((..._: [unknown, unknown]) => undefined, [stopper, token]);
    try {
      probes.get(probe);
    } catch (error) {
      if (error !== stop) throw error;
    }
  };
}

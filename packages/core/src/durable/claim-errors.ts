import { BelfryError } from '@belfry/contracts';

/** Another instance has it. */
export const claimLost = (subject: string): BelfryError =>
  new BelfryError('CLAIM_LOST', {
    message: `this message of ${subject} was given to another instance meanwhile.`,
    hint: 'This process gave no sign of life for longer than claimTimeout: its event loop was blocked, or Redis was away. Stop, and write nothing.',
  });

/** The broker would not run the commands of a commit. */
export const commitRefused = (subject: string, why: string): BelfryError =>
  new BelfryError('COMMIT_REFUSED', {
    message: `a commit for ${subject} was refused: ${why}`,
    hint: 'The message was not acknowledged. Are the commands right, and, on a Cluster, the keys in the slot of the channel?',
  });

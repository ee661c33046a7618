declare module 'cluster-key-slot' {
  /** The slot of a key, from 0 to 16383. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model */
  export default function slotOf(key: string): number;
}

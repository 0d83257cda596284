/** A rate with a burst: what may come is in the bucket, which fills again. */
export interface Bucket {
  level: number;
  at: number;
}

/** A bucket holds what may come in so many seconds. */
const BURST_S = 2;

export function fullBucket(perSecond: number, now: number): Bucket {
  return { level: perSecond * BURST_S, at: now };
}

/** Whether so much may come at `now`, in ms. */
export function take(bucket: Bucket, perSecond: number, weight: number, now: number): boolean {
  bucket.level = Math.min(perSecond * BURST_S, bucket.level + ((now - bucket.at) / 1000) * perSecond);
  bucket.at = now;
  // What weighs more than a bucket holds takes a full one.
  const taken = Math.min(weight, perSecond * BURST_S);
  if (bucket.level < taken) return false;
  bucket.level -= taken;
  return true;
}

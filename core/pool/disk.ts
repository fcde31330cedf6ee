/** What lies on a machine's disk: images by name with their size in MiB, the longest unused first. */
export type Disk = Map<string, number>;

export interface Image {
  name: string;
  mib: number;
}

/** The image is used: it is fetched unless it is there, and the longest unused go for it. Answers whether it was there. */
export function useImage(disk: Disk, roomMiB: number, { name, mib }: Image): boolean {
  const has = disk.delete(name);
  let room = roomMiB - mib;
  // One larger than the disk is never kept.
  if (room < 0) return has;
  for (const size of disk.values()) room -= size;
  for (const [other, size] of disk) {
    if (room >= 0) break;
    disk.delete(other);
    room += size;
  }
  disk.set(name, mib);
  return has;
}

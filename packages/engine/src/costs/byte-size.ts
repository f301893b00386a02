/**
 * Bytes for people, in decimal units throughout the project: 1 MB = 10^6 bytes, as networks and disks count.
 *
 * @param reference whose unit is used: on an axis all figures have that of the largest
 */
export function formatBytes(bytes: number, reference = bytes): string {
  if (reference >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`
  if (reference >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`
  if (reference >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`
  return `${bytes} B`
}

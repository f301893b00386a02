/** Pictures of pages for the documentation: PNG with a palette, a fifth of what a browser writes. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import sharp from 'sharp'

/**
 * @param {import('playwright-core').Page} page
 * @param {string} file ends with .png
 * @param {{ fullPage?: boolean }} options
 * @returns {Promise<number>} bytes
 */
export async function takeScreenshot(page, file, { fullPage = false } = {}) {
  const raw = await page.screenshot({ fullPage, animations: 'disabled', caret: 'hide' })
  const bytes = await sharp(raw).png({ palette: true, colours: 64, compressionLevel: 9, effort: 10 }).toBuffer()
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, bytes)
  return bytes.length
}

/**
 * A party's page for whoever runs it: what it is told (`DashboardStatus`), and the files of the page for whatever serves it.
 *
 * @module
 */
export { PAGE_FILES, PAGE_HEADERS, type PageFile } from './files.js'
export * from './status.js'

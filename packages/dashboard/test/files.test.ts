/** The files of the page, and what they are served with. */
import { PAGE_FILES, PAGE_HEADERS } from '@slytherin/dashboard'
import { describe, expect, it } from 'vitest'

describe('the page', () => {
  it('consists of files that it names itself, and of nothing that a policy must make an exception for', () => {
    const html = PAGE_FILES.get('/')?.body ?? ''
    const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, name]) => name)
    expect(named).toEqual(['favicon.svg', 'dashboard.css', 'dashboard.js', 'status.json'])
    for (const name of named.slice(0, 3)) expect(PAGE_FILES.has(`/${name}`)).toBe(true)
    expect(html).not.toMatch(/<script(?! type="module" src=)|<style|\son\w+=|\sstyle=/)
  })

  it('asks nobody else for anything: no other host is named in it', () => {
    const hosts = [...PAGE_FILES.values()].flatMap(({ body }) => body.match(/\b(?:https?|wss?):\/\/[\w.-]+/g) ?? [])
    // The namespaces of SVG, MathML and XHTML, and what preact calls its own, are names and no addresses.
    expect([...new Set(hosts)].filter(host => host !== 'http://www.w3.org')).toEqual([])
  })

  it('is small', () => {
    const bytes = [...PAGE_FILES.values()].reduce((sum, { body }) => sum + Buffer.byteLength(body), 0)
    expect(bytes).toBeLessThan(60_000)
    expect(bytes).toBeGreaterThan(10_000)
  })

  it('runs its own files alone, in no frame, and is read by nobody else', () => {
    const policy = PAGE_HEADERS['content-security-policy']?.split('; ') ?? []
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy.join()).not.toMatch(/unsafe|\*|data:/)
    expect(PAGE_HEADERS).toMatchObject({ 'cross-origin-resource-policy': 'same-origin', 'x-content-type-options': 'nosniff' })
  })
})

/**
 * Properties of exported interfaces and classes that have no words, package by package. Some need none beside their name; how many there may be is in undocumented.json, and that can
 * only fall.
 */
import { readFile } from 'node:fs/promises'
import { ReflectionKind } from 'typedoc'

/** Say the same wherever they stand: the discriminant and the version of a document, the name and the code of an error. */
const PLAIN = new Set(['kind', 'version', 'name', 'code'])
const LIMITS = new URL('./undocumented.json', import.meta.url)

/** @returns full names, by package */
export function undocumentedProperties(project) {
  const found = {}
  for (const property of project.getReflectionsByKind(ReflectionKind.Property)) {
    const { parent, name } = property
    if (!parent?.kindOf([ReflectionKind.Interface, ReflectionKind.Class]) || PLAIN.has(name)) continue
    if (property.hasComment() || property.inheritedFrom !== undefined || property.implementationOf !== undefined) continue
    let module = parent
    while (module.parent !== undefined && !module.kindOf(ReflectionKind.Module)) module = module.parent
    found[module.name] = [...(found[module.name] ?? []), property.getFullName()]
  }
  return found
}

/** What keeps the properties from being as documented as they were, one line each; none when nothing does. */
export async function checkProperties(project) {
  const limits = JSON.parse(await readFile(LIMITS, 'utf8'))
  const found = undocumentedProperties(project)
  return [...new Set([...Object.keys(limits), ...Object.keys(found)])].flatMap(name => {
    const limit = limits[name] ?? 0
    const names = found[name] ?? []
    if (names.length > limit)
      return [`${name}: ${names.length} properties without words, ${limit} are allowed; npm run docs -- --undocumented lists them`]
    if (names.length < limit)
      return [`${name}: ${names.length} properties without words are left; lower its limit in site/undocumented.json`]
    return []
  })
}

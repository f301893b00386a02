/** Modules of the reference by the names under which they are imported, in place of the folders of their sources. */
import { Converter, ReflectionKind } from 'typedoc'

const nameOf = folder => {
  const [name, sub] = folder.split('/src')
  return name === 'slytherin' ? name : `@slytherin/${name}${sub ?? ''}`
}

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (reflection.kind === ReflectionKind.Module) reflection.name = nameOf(reflection.name)
  })
}

/** To be loaded before any module that has a schema: schemas that compile themselves would need a content security policy that allows any code, and ask for it where they are made. */
import * as z from 'zod'

z.config({ jitless: true })

const { AsyncLocalStorage } = require('node:async_hooks')

const { GREENLANE_SERVICE: service, GREENLANE_ROLE: role, GREENLANE_SERVES = '' } = process.env
const serves = GREENLANE_SERVES.toLowerCase().match(/[^\s,]+/g)
const [mismatch, other] = serves ? ['mismatch', 'other'] : ['unverified', 'unknown']
const otherwise = { active: 'active', preview: mismatch }[role] ?? other
const HOP = /((?:"(?:[^"\\]|\\.)*"|[^",;\s])+)(?:;d=(\d+))?((?:"(?:[^"\\]|\\.)*"|[^",])*)/g
const requests = new AsyncLocalStorage()

// In place of `fetch`, for calls of your own services, and of nobody else. A redirect takes the header along: where one
// may lead elsewhere, pass `redirect: 'manual'`.
exports.forward = async (url, options = {}) => {
  const request = requests.getStore()
  if (!request) return fetch(url, options)
  const headers = new Headers(options.headers)
  headers.set('x-preview', request.preview)
  const answer = await fetch(url, { ...options, headers })
  const served = [502, 503, 504].includes(answer.status) ? 'unavailable' : 'opaque'
  const silent = `"${new URL(url).hostname}";served=${served};status=${answer.status}`
  request.trails.push(answer.headers.get('x-preview-trail') || silent)
  return answer
}

// app.use(handBack), before the routes
exports.handBack = (request, response, next) => {
  const preview = request.get('x-preview')
  if (!preview) return next()
  const trails = []
  const writeHead = response.writeHead
  response.writeHead = (...head) => {
    const mine = role === 'active' ? 'promoted' : 'preview'
    const own = serves?.includes(preview.toLowerCase()) ? mine : otherwise
    const called = trails.flatMap((trail) => [...trail.matchAll(HOP)])
    const below = called.filter(([, , , rest]) => rest)
    const hops = [`${service};served=${own}`]
    for (const [, name, depth, rest] of below) hops.push(`${name};d=${Number(depth ?? 0) + 1}${rest}`)
    let whole = below.length === called.length
    while (hops.length > 64 || hops.join(', ').length > 2000) whole = !hops.pop()
    response.setHeader('x-preview-trail', (whole ? hops : [...hops, 'truncated']).join(', '))
    response.setHeader('cache-control', 'private, no-store')
    return writeHead.apply(response, head)
  }
  requests.run({ preview, trails }, next)
}

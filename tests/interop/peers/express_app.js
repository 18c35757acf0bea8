// A service on Express that calls the next one by fetch, as its team would write it.
const express = require('express')

const app = express()
let call = fetch
if (process.env.FORWARD === '1') {
  const { forward, handBack } = require('./forward')
  app.use(handBack)
  call = forward
}

app.get('/hop', async (request, response, next) => {
  try {
    const received = request.headersDistinct
    const url = process.env.NEXT_URL
    response.json({ received, next: url ? await (await call(url)).json() : null })
  } catch (error) {
    next(error)
  }
})

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})

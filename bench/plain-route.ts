/** A plain Fastify route that takes the body of a record and answers as the API does, with nothing behind it. Tells its port. */
import Fastify from 'fastify';

const app = Fastify();
app.post(
  '/record',
  {
    schema: {
      body: { type: 'object', properties: { maxRecordDurationInSeconds: { type: 'integer', default: 5 } } },
    },
  },
  async (_request, reply) => reply.code(202).header('location', 'http://127.0.0.1/operations/1').send(),
);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ url });
process.on('disconnect', () => process.exit(0));

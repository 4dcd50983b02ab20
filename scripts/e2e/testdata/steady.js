// An even load of two kinds of requests, as long as a comparison needs it: ten tenths of the run with
// enough requests in each for the 95th percentile.
//
// DURATION (12s) is how long it lasts, RATE (90) the visits a second.

import http from 'k6/http';

export const options = {
  scenarios: {
    visits: {
      executor: 'constant-arrival-rate', rate: Number(__ENV.RATE || 90), timeUnit: '1s', duration: __ENV.DURATION || '12s',
      preAllocatedVUs: 60, maxVUs: 100,
    },
  },
};

export default function () {
  http.get(`${__ENV.BASE_URL}/delay/40`, { tags: { name: 'GET /report' } });
  http.get(`${__ENV.BASE_URL}/api/search?q=item`, { tags: { name: 'GET /search' } });
}

// Is the service there? A few visits, a few checks.
//
//   k6 run --out elasticsearch -e BASE_URL=https://shop.example.com smoke.js

import http from 'k6/http';
import { check, sleep } from 'k6';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';

export const options = {
  vus: 2,
  iterations: 10,
};

export default function () {
  const res = http.get(BASE_URL, { tags: { name: 'home' } });
  check(res, {
    'home answers': (r) => r.status > 0,
    'home is no server error': (r) => r.status < 500,
  });
  sleep(0.2);
}

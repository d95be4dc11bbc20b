# refused: service
# A service of the group: gateways.
job "group-gateways" {
  group "main" {
    service {
      name = "gate"
      port = "8080"

      connect {
        gateway {
          proxy {
            connect_timeout                     = "500ms"
            envoy_gateway_bind_tagged_addresses = true
            envoy_gateway_no_default_bind       = true
            envoy_dns_discovery_type            = "LOGICAL_DNS"

            envoy_gateway_bind_addresses "lan" {
              address = "10.0.0.1"
              port    = 8443
            }

            config {
              bind = "all"
            }
          }

          ingress {
            tls {
              enabled         = true
              tls_min_version = "TLSv1_2"
              tls_max_version = "TLSv1_3"
              cipher_suites   = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]

              sds {
                cluster_name  = "sds"
                cert_resource = "gate"
              }
            }

            listener {
              port     = 8080
              protocol = "http"

              service {
                name                    = "web"
                hosts                   = ["web.example.org", "*.example.org"]
                max_connections         = 100
                max_pending_requests    = 50
                max_concurrent_requests = 200

                tls {
                  enabled         = false
                  tls_min_version = "TLSv1_2"
                  tls_max_version = "TLSv1_3"
                  cipher_suites   = []

                  sds {
                    cluster_name  = "sds"
                    cert_resource = "web"
                  }
                }

                request_headers {
                  remove = ["cookie"]

                  add {
                    x-gate = "1"
                  }

                  set {
                    host = "web"
                  }
                }

                response_headers {
                  remove = ["server"]

                  add {
                    x-served-by = "gate"
                  }

                  set {
                    cache-control = "no-store"
                  }
                }
              }
            }
          }
        }
      }
    }

    service {
      name = "out"

      connect {
        gateway {
          terminating {
            service {
              name      = "legacy"
              ca_file   = "/certs/ca.pem"
              cert_file = "/certs/cert.pem"
              key_file  = "/certs/key.pem"
              sni       = "legacy.example.org"
            }
          }
        }
      }
    }

    service {
      name = "mesh"

      connect {
        gateway {
          mesh {
          }
        }
      }
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}

// The tracker's own rules, made by one of its tests; do not edit. To write them anew:
// UPDATE_REFERENCE=1 cargo nextest run --workspace -E 'test(rules_of_the_edge)'

export default {
  "limits": {
    "request_bytes": 512000,
    "event_bytes": 32768,
    "batch_events": 2500,
    "rows_factor": 4,
    "discarded_bytes": 4194304,
    "id_chars": 100,
    "name_chars": 200,
    "context_chars": 200,
    "context_members": 30,
    "path_chars": 300,
    "quarantined_bytes": 4096,
    "earliest_second": 946684800
  },
  "scrub": {
    "members": [
      "anonymousId",
      "context",
      "event",
      "messageId",
      "name",
      "originalTimestamp",
      "properties",
      "sentAt",
      "timestamp",
      "type"
    ],
    "context": [
      "ci_run",
      "cpu",
      "dropped",
      "exec_info",
      "library",
      "os",
      "python",
      "runtime"
    ],
    "forbidden": [
      "authorization",
      "birthday",
      "clientip",
      "cookie",
      "cookies",
      "forwarded",
      "header",
      "headers",
      "hostname",
      "ip",
      "ipaddr",
      "ipaddress",
      "phone",
      "remoteaddr",
      "remoteaddress",
      "remoteip",
      "traits",
      "useragent",
      "userid",
      "username",
      "xforwardedfor",
      "xrealip"
    ],
    "forbidden_endings": [
      "accesskey",
      "apikey",
      "email",
      "emailaddress",
      "familyname",
      "firstname",
      "fullname",
      "givenname",
      "ipaddress",
      "lastname",
      "password",
      "passwd",
      "phonenumber",
      "secret",
      "secretkey",
      "surname",
      "token",
      "writekey"
    ],
    "forbidden_last_words": [
      "ip",
      "key",
      "mail"
    ]
  },
  "always": [
    "event_category",
    "event_name"
  ],
  "text_columns": [
    "destination_name",
    "destination_type",
    "destination_fingerprint",
    "pipeline_name_hash",
    "dataset_name_hash",
    "default_schema_name_hash",
    "requested_schema_name_hash",
    "transaction_id"
  ],
  "contract": {
    "events": {
      "command_completions": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "shell": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_dashboard": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_dataset": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "format": {
            "type": "string",
            "optional": true
          },
          "sql": {
            "type": "boolean",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_deploy": {
        "fields": {
          "deployment_method": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_ingest": {
        "fields": {
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "format": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_init": {
        "fields": {
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "pipeline_name": {
            "type": "string",
            "optional": true
          },
          "source_name": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_list_destinations": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_list_sources": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_pipeline": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "operation": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_run": {
        "fields": {
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "source_name": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_schema": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "format": {
            "type": "string",
            "optional": true
          },
          "format_": {
            "type": "string",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_telemetry": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_telemetry.switch": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "enabled": {
            "type": "boolean",
            "optional": true
          },
          "host": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_telemetry_switch": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "enabled": {
            "type": "boolean",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_tracker": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "operation": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_tracker_report": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "command_tracker_serve": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "data_access_connect": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "requested_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "helper_airflow_add_run": {
        "fields": {
          "decompose": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "helper_dbt_create_runner": {
        "fields": {
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "package_profile_name": {
            "type": "string",
            "optional": true
          },
          "package_profile_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "pipeline_access_dataset": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "requested_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          }
        }
      },
      "pipeline_extract": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_fingerprint": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "extract_data": {
            "type": "array",
            "items": {
              "type": "object",
              "fields": {
                "data_type": {
                  "type": "string",
                  "optional": true
                },
                "name": {
                  "type": "string",
                  "optional": true,
                  "hashed": [
                    "airtable",
                    "asana_dlt",
                    "bing_webmaster",
                    "chess",
                    "facebook_ads",
                    "filesystem",
                    "freshdesk",
                    "github",
                    "google_ads",
                    "google_analytics",
                    "google_sheets",
                    "hubspot",
                    "inbox",
                    "jira",
                    "kafka",
                    "kinesis",
                    "matomo",
                    "mongodb",
                    "mux",
                    "notion",
                    "personio",
                    "pg_replication",
                    "pipedrive",
                    "pokemon",
                    "quickbooks_online",
                    "rest_api",
                    "salesforce",
                    "shopify_dlt",
                    "slack",
                    "sql_database",
                    "strapi",
                    "stripe_analytics",
                    "unstructured_data",
                    "workable",
                    "zendesk"
                  ]
                }
              }
            },
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          },
          "transaction_id": {
            "type": "string",
            "optional": true
          }
        }
      },
      "pipeline_load": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_fingerprint": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          },
          "transaction_id": {
            "type": "string",
            "optional": true
          }
        }
      },
      "pipeline_normalize": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_fingerprint": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          },
          "transaction_id": {
            "type": "string",
            "optional": true
          }
        }
      },
      "pipeline_run": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_fingerprint": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          },
          "transaction_id": {
            "type": "string",
            "optional": true
          }
        }
      },
      "pipeline_sync": {
        "fields": {
          "dataset_name_hash": {
            "type": "string",
            "optional": true
          },
          "default_schema_name_hash": {
            "type": "string",
            "optional": true
          },
          "destination_name": {
            "type": "string",
            "optional": true
          },
          "destination_type": {
            "type": "string",
            "optional": true
          },
          "elapsed": {
            "type": "number",
            "optional": true
          },
          "pipeline_name_hash": {
            "type": "string",
            "optional": true
          },
          "success": {
            "type": "boolean",
            "optional": true
          },
          "transaction_id": {
            "type": "string",
            "optional": true
          }
        }
      }
    }
  }
};

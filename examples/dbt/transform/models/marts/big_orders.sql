-- Orders from an amount on that the pipeline file says. Only those of new loads are added.
{{ config(materialized='incremental', unique_key='order_id', on_schema_change='fail') }}
select order_id, customer_id, max(ordered_at) as ordered_at, sum(amount) as amount
from {{ ref('stg_order_items') }}
{% if is_incremental() %}
where ordered_at >= (select max(ordered_at) from {{ this }})
{% endif %}
group by order_id, customer_id
having sum(amount) >= {{ var('big_order') }}
